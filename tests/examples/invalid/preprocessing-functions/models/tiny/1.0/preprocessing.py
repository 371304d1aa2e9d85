def run(line: str, file: str) -> None:
    pass
