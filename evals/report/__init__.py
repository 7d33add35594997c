"""What the HTML report of a run is made of: words, figures, rows, the talks in small, the page itself."""
