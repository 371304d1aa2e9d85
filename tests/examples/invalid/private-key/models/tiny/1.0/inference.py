KEY = """-----BEGIN PRIVATE KEY-----
bm8ga2V5LCBhbiBleGFtcGxlIG9mIG9uZQ==
-----END PRIVATE KEY-----"""


def init(model_path: str) -> None:
    pass


def run(data: object) -> object:
    return data
