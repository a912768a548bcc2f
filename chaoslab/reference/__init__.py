"""The system under test that ships with the lab; the lab never imports it."""
