"""Why a process is not attached to: a code that the caller knows, and a sentence's end for people."""


class Refused(Exception):
    def __init__(self, code, why):
        super().__init__(why)
        self.code = code
