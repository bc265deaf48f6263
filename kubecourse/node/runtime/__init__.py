"""What runs containers, simulated: images and what they do, containers, files, commands."""
