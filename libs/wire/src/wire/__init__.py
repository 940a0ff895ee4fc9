"""What crosses a process: claims, events, frames, bodies, problems."""
