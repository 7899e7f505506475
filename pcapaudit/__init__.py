"""pcapaudit says, with proof, why a device is offline and what to change."""

__version__ = "0.1.0"
