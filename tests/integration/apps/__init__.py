"""Small applications as they occur in practice; the tests start each as separate processes."""
