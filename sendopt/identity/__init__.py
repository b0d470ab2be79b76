"""Tell who speaks from what they carry, without asking any store.

Owns: what an access token of an OpenID Connect issuer must be like, which keys of the issuer are
believed, what its claims give; the tokens that this service makes for one user's browser.
Does not own: API keys (state), what a role may do (records), the settings.
In: a bearer token, and now.  Out: whom it names, or why it was refused, which only the log is told.
"""
