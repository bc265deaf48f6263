"""What runs containers: simulated. Images and what they do, containers, their files and commands."""
