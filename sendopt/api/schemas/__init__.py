"""What we send, as the API promises it: apart from the records inside, which may change.

Owns: the fields of every answer, what each means, an example of it.
Does not own: any value; each model is read from the application's records by `Answer.of`.
"""
