"""What to train and what happened: the recipe, the run folder, the queue for the device."""
