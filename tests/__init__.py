"""The suite; tests reach the package through its public interfaces."""
