"""The endurance run: the real service through thousands of seams in minutes, by a clock that runs faster."""
