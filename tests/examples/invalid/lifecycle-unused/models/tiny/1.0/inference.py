def init(model_path: str) -> None:
    pass


def run(data: object) -> object:
    return data
