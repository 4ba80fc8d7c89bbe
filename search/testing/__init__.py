"""What every sampler must do, as tests that anyone can run on a sampler of their own."""
