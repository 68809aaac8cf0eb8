"""What-if questions answered from stored scores."""
