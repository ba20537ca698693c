"""What fresh rows are before anything is learnt from them: typed, cleaned, suspected and described."""
