class Refused(Exception):
    """The probe won't do it now; `code` for programs, `why` for people."""

    def __init__(self, code, why):
        super().__init__(why)
        self.code = code
        self.why = why
