"""What every release holds on purpose: 40 MB of products, loaded once. Large, and no leak."""

PRODUCTS = {number: {"name": "product %d" % number, "picture": bytes(2000)} for number in range(18_000)}


def price(number):
    return 100 + len(PRODUCTS[number % len(PRODUCTS)]["name"])
