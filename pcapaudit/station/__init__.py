"""What an unattended watch needs: its memory on the disk, whom it tells, and its numbers for others."""
