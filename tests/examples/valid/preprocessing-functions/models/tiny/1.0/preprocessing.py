def run(data_dir: str) -> None:
    pass
