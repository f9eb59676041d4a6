"""The starter model that ships with the studio, and everything it is made from."""
