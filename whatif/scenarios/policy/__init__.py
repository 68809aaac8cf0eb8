"""Who should get which arm: rules learned from scores, valued on clusters they never saw."""
