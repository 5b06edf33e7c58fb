"""Who is compared with whom, and how."""
