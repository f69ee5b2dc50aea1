"""What the self-contained HTML pages share: templates, pictures, looks, how they are written."""
