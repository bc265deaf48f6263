"""What a machine has to give, and how the kernel gives it: CPU by shares and quotas, memory."""
