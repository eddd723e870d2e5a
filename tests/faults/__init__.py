"""What a backup tool is judged by on its worst day: each test provokes one promise for real."""
