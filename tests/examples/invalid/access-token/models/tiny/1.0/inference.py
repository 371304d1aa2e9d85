HEADERS = {"Authorization": "Bearer an-example-0f-a-token"}


def init(model_path: str) -> None:
    pass


def run(data: object) -> object:
    return data
