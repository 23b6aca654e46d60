"""Small applications as they are found in the wild, each started as processes of its own by the tests."""
