"""Other systems, each in its own folder with what starts it; measured in the same run as Twostep."""
