"""What operators touch: controller, API, publishing."""
