def init() -> None:
    pass


def predict(data: object) -> object:
    return data
