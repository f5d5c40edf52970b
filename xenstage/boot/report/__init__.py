"""What a matrix came to: for the terminal, as JSON, as a page, and as a pipeline of jobs."""
