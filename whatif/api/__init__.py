"""The Python surface; heavy libraries load on first use, importing it costs milliseconds."""
