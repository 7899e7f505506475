"""The command as people call it: a process of its own, with files, folders, pipes, signals and an odd environment."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.wire_files import pcap_of
