"""The pages' common face: templates, ES modules, web components and styles."""
