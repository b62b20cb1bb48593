"""The smallest honest Django project with django-two-factor-auth: what its own guide says to write.

Runs in `.venv-peers`, not in Twostep's environment.
"""
