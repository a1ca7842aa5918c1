"""The vocabulary of every room: frozen values, enums and nothing that acts."""
