"""Where runs are computed: blocks of them, in processes; their memory, cost, precision."""
