"""Release v2's retry queue. The mistake of this demonstration: nothing ever takes a payload out of it again."""

QUEUE = []


def keep_for_retry(order_number, payload):
    QUEUE.append({"order": order_number, "payload": bytearray(payload), "tries": 0})
