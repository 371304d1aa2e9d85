"""Scripts: read as text, never imported."""

from __future__ import annotations

import ast
import codecs
import io
import keyword
import re
import sys
import tokenize
import warnings
from collections.abc import Iterator
from functools import lru_cache

from registry.checks.sources import source_place
from registry.facts import Problem
from registry.finding import Finding, Place
from registry.lines import place_at, with_line_feeds
from registry.policy import Policy
from registry.snapshot import Version
from registry.wire import ENVIRONMENTS

_MAX_BYTES = 256 * 1024  # Python's parser takes seconds for what it reads slowest in this size
_RESERVED = "entry.py"  # the platform's own
_LONG_NAME = re.compile(r"\b\w++(?:[\s\\]*+\.[\s\\]*+\w++){200}")  # `import a.a.a…` is read in quadratic time
# Of the codecs that PEP 263 allows; some others, such as punycode, take quadratic time.
_CODECS = re.compile(r"utf-8(?:-sig)?|ascii|iso8859-\d+|cp\d+|koi8-[ru]|gb2312|gbk|gb18030|big5|euc_\w+|shift_jis\w*")
_PYTHON = re.compile(rb"^[ \t]*-[ \t]*['\"]?(?:[\w/-]+::)?python[ \t=~><!]{1,4}3\.(\d+)", re.MULTILINE)
_INFERENCE, _, _PREPROCESSING = ENVIRONMENTS
_KEPT = lru_cache(maxsize=128)  # versions share scripts, and those that do stand near each other


def check_names(version: Version, _: Policy) -> Iterator[Finding]:
    """Each script's name is that of a Python module, and not `entry.py`."""
    for key, script in _scripts(version):
        file = script.rpartition("/")[2]
        stem = file.removesuffix(".py")
        if file == _RESERVED:
            message = f"`{file}` is the name of the platform's own script. Rename it, to `inference.py` for example"
            yield version.place("model_config", key, "entry_script").finding("script-name", message, found=script)
        elif file.lower().endswith(".py") and (stem == file or not _is_module(stem)):
            better = re.sub(r"\W", "_", file[:-3])
            advice = f"Rename it to `{better}.py`" if _is_module(better) else "Use letters, digits and `_`"
            message = f"`{file}` is not the name of a Python module. {advice}"
            yield version.place("model_config", key, "entry_script").finding("script-name", message, found=script)


def check_syntax(version: Version, _: Policy) -> Iterator[Finding]:
    """Each script is Python."""
    for key, script in _scripts(version):
        problem = _syntax_problem(_read(version, script))
        if problem is not None and not _is_for_newer_python(version, key):
            yield place_in(version, script, problem.line, problem.column).finding("script-syntax", problem.message)


def check_inference(version: Version, _: Policy) -> Iterator[Finding]:
    """The inference script has `init` with one argument, and `run`."""
    script = version.text("model_config", _INFERENCE, "entry_script") or ""
    for line, column, message in _inference_problems(script, _read(version, script)):
        yield place_in(version, script, line, column).finding("inference-functions", message)


def check_preprocessing(version: Version, _: Policy) -> Iterator[Finding]:
    """The pre-processing script has `init` and `run(line, file)`, or `run(data_dir)`."""
    script = version.text("model_config", _PREPROCESSING, "entry_script") or ""
    for line, column, message in _preprocessing_problems(script, _read(version, script)):
        yield place_in(version, script, line, column).finding("preprocessing-functions", message)


@_KEPT
def _syntax_problem(data: bytes | None) -> Problem | None:
    parsed = parse_script(data) if data is not None else None
    return parsed if isinstance(parsed, Problem) else None


@_KEPT
def _inference_problems(script: str, data: bytes | None) -> tuple[Problem, ...]:
    module = parse_script(data) if data is not None else None
    if not isinstance(module, ast.Module) or _imports_all(module):
        return ()
    problems, inits = [], list(_definitions(module, "init"))
    if not inits:
        problems.append(_missing(script, "init(model_path)", "which loads the model"))
    elif not any(_takes(init, 1) for init in inits):
        message = "`init` is called with one argument, the folder of the model. Write `init(model_path)`"
        problems.append(_at_name(inits[-1], message))
    if not any(_definitions(module, "run")):
        problems.append(_missing(script, "run(data)", "which answers a request"))
    return tuple(problems)


@_KEPT
def _preprocessing_problems(script: str, data: bytes | None) -> tuple[Problem, ...]:
    module = parse_script(data) if data is not None else None
    if not isinstance(module, ast.Module) or _imports_all(module):
        return ()
    runs = list(_definitions(module, "run"))
    if not runs:
        purpose = "which reads all of a folder, or `init()` and `run(line, file)`"
        return (_missing(script, "run(data_dir)", purpose),)
    if any(_takes(run, 1) for run in runs):
        return ()
    if not any(_takes(run, 2) for run in runs):
        message = "`run` takes neither one argument nor two. Write `run(data_dir)`, or `init()` and `run(line, file)`"
        return (_at_name(runs[-1], message),)
    if not any(_definitions(module, "init")):
        return (_missing(script, "init()", "which stands beside `run(line, file)`"),)
    return ()


CHECKS = (check_names, check_syntax, check_inference, check_preprocessing)


def parse_script(data: bytes) -> ast.Module | Problem:
    """The script as a tree, which is not to be changed; or why Python cannot read it."""
    if len(data) > _MAX_BYTES:
        return Problem(1, 1, f"this has {len(data):,} bytes; at most {_MAX_BYTES:,} are read. Move data out of it")
    return _parse_bytes(data)


@lru_cache(maxsize=8)  # several rules look at the same script, one after the other
def _parse_bytes(data: bytes) -> ast.Module | Problem:
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        name = codecs.lookup(encoding).name
        text = data.decode(name) if _CODECS.fullmatch(name) else None
    except (SyntaxError, UnicodeDecodeError):
        text = None
    if text is None:
        return Problem(1, 1, "the script is not in the encoding that it says, or that is not read. Save it as UTF-8")
    if "\0" in text:
        return Problem(*place_at(with_line_feeds(text), text.index("\0")), "a NUL stands here. Take it out")
    return _parse(text)


def _parse(text: str) -> ast.Module | Problem:
    deep = Problem(1, 1, "the script nests deeper than Python reads. Split its longest expression")
    if _LONG_NAME.search(text):
        return deep
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of `\d` in a text: they are the author's
            return ast.parse(text)
    except SyntaxError as error:
        place = max(error.lineno or 1, 1), max(error.offset or 1, 1)
        return Problem(*place, f"this is not Python: {_said(error)}. Correct this line or the one before")
    except (RecursionError, MemoryError, ValueError):  # brackets deeper than 200 are a SyntaxError of the tokenizer
        return deep


def _said(error: SyntaxError) -> str:
    said = " ".join((error.msg or "invalid syntax").split())
    return said if len(said) <= 200 else f"{said[:199]}…"


def _scripts(version: Version) -> Iterator[tuple[str, str]]:
    for key in version.environments:
        if (script := version.text("model_config", key, "entry_script")) is not None:
            yield key, script


def _read(version: Version, script: str) -> bytes | None:
    return version.facts.texts.get(script) if script.lower().endswith(".py") else None


def place_in(version: Version, target: str, line: int, column: int) -> Place:
    """A place in the file of a target where it stands beside the descriptor, else where its source is written."""
    file = version.files.get(version.local(target) or "")
    return Place(file.path, line, column) if file else source_place(version, target)


def _missing(script: str, function: str, purpose: str) -> Problem:
    return Problem(1, 1, f"`{script}` has no `{function.partition('(')[0]}`. Add `def {function}`, {purpose}")


def _at_name(function: ast.stmt, message: str) -> Problem:
    keywords = "async def " if isinstance(function, ast.AsyncFunctionDef) else "def "
    return Problem(function.lineno, function.col_offset + len(keywords) + 1, message)


def _is_module(stem: str) -> bool:
    return stem.isidentifier() and not keyword.iskeyword(stem)


def _is_for_newer_python(version: Version, key: str) -> bool:
    """Whether the conda file asks for a Python newer than this one, which may read more."""
    data = version.facts.texts.get(version.text("model_config", key, "conda_env") or "", b"")
    return any(int(minor[:4]) > sys.version_info.minor for minor in _PYTHON.findall(data[:_MAX_BYTES]))


_Definition = ast.stmt  # that gives a name to something: a function, a class, an import, an assignment


def _definitions(module: ast.Module, name: str) -> Iterator[_Definition]:
    """Where the module itself, under any condition, gives something this name."""
    todo: list[ast.AST] = [module]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.stmt) and name in _names(node):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            todo.extend(reversed(list(ast.iter_child_nodes(node))))


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return set()


def _imports_all(module: ast.Module) -> bool:
    """Whether `from x import *` may bring any name."""
    return any(isinstance(n, ast.ImportFrom) and any(a.name == "*" for a in n.names) for n in ast.walk(module))


def _takes(definition: _Definition, count: int) -> bool:
    """Whether it can be called with `count` arguments; what cannot be seen from here may."""
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef) or definition.decorator_list:
        return True
    arguments = definition.args
    named = len(arguments.posonlyargs) + len(arguments.args)
    most = count if arguments.vararg else named
    return named - len(arguments.defaults) <= count <= most and all(arguments.kw_defaults)
