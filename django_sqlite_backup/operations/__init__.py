"""What those need who run backups every night: jobs, storages, retention, tasks."""
