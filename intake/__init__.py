"""The way in: bytes and addresses become checked pictures, and wait in a tray."""
