"""`sobolev report BENCHMARK…`: benchmarks as one self-contained HTML page."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sobolev.datasets.files import write_whole
from sobolev.geometry.errors import InputError
from sobolev.scripts import figures
from sobolev.scripts.benchmark import load_benchmark
from sobolev.scripts.common import Parser, command_line, guarded

Facts = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]


def short(value: float, digits: int = 3) -> str:
    """A number for a table: 0.0123, 4.56e-05, 1,230."""
    if not math.isfinite(value):
        return "never" if value > 0 else "-"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{digits}g}"


def percent(value: float) -> str:
    return f"{100 * value:.3g}%"


def headline(facts: Facts) -> dict[str, str]:
    """The main figure of one benchmark: its first surrogate, and when it pays."""
    name = facts["surrogates"][0]["name"]
    found = [r for r in facts["break_even"] if r["metric"] == "L2" and r["mode"] == "best"]
    best = next(row for row in found if row["surrogate"] == name)
    verdict = best["verdict"]
    pays = "never pays for itself" if verdict == "never" else f"pays after {verdict} solves"
    ratio = best["ratio"]
    speed = f"{short(ratio)} times faster" if ratio >= 1 else f"{short(1 / ratio)} times slower"
    return {
        "value": percent(best["surrogate_error"]),
        "text": f"{best['surrogate']}, relative L2",
        "more": f"{speed} than {best['classical']} at equal accuracy; {pays}",
    }


def solver_name(facts: Facts) -> str:
    """The classical solver, `multigrid CG`, without its fidelity."""
    return facts["reference"].split(" n=")[0]


def break_even_rows(facts: Facts) -> list[dict[str, Any]]:
    """Cells of the break-even table, relative L2, both batch modes."""
    batches = {row["name"]: row for row in facts["rows"]}
    result = []
    for row in facts["break_even"]:
        if row["metric"] != "L2":
            continue
        own = batches[row["surrogate"]]
        result.append(
            {
                "surrogate": row["surrogate"],
                "batch": own[row["mode"]]["batch"],
                "surrogate_error": percent(row["surrogate_error"]),
                "surrogate_ms": short(1e3 * row["surrogate_seconds"]),
                "classical": row["classical"].removeprefix(solver_name(facts)),
                "classical_error": "0" if row["beyond"] else percent(row["classical_error"]),
                "classical_ms": short(1e3 * row["classical_seconds"]),
                "ratio": short(row["ratio"]),
                "verdict": row["verdict"],
                "beyond": row["beyond"],
                "below": row["below"],
            }
        )  # fmt: skip
    return result


def all_rows(facts: Facts) -> list[dict[str, Any]]:
    """Cells of the table of all settings, surrogates first, then by error."""
    order = sorted(facts["rows"], key=lambda r: (r["kind"] == "classical", -r["errors"]["L2"]))
    return [
        {
            "kind": row["kind"],
            "name": row["name"].removeprefix(f"{solver_name(facts)} "),
            "errors": [
                f"{short(row['errors'][m])} ({short(row['worst'][m])})" for m in row["errors"]
            ],
            "single": short(1e3 * row["single"]["seconds"]),
            "best": f"{short(1e3 * row['best']['seconds'])} ({row['best']['batch']})",
            "data": short(row["data_seconds"]),
            "training": short(row["training_seconds"]),
        }
        for row in order
    ]


def pictures(facts: Facts, arrays: Arrays) -> list[dict[str, str]]:
    """Fields, spectra and training curves of one benchmark."""
    answers = {
        name.removeprefix("answer_"): values
        for name, values in arrays.items()
        if name.startswith("answer_") and " at " not in name
    }
    result = [_fields(facts, arrays, answers), _spectra(arrays)]
    curves = {s["name"]: s.get("log", {}) for s in facts["surrogates"]}
    logs = {name: log for name, log in curves.items() if len(log.get("seconds", ())) > 1}
    if logs:
        caption = "Training: losses and errors on held-out data by seconds."
        figure = figures.training(logs, "seconds")
        result.append({"body": figures.to_svg(figure), "caption": caption})
    return result


def _fields(facts: Facts, arrays: Arrays, answers: Mapping[str, np.ndarray]) -> dict[str, str]:
    given_name, truth_name = (
        f"{name} [{facts['units'][name]}]" if name else "" for name in facts["shown"]
    )
    labels = given_name, truth_name
    first = "First instance of the benchmark, which was not chosen for its looks"
    truth = arrays["truth"][-1]
    given = arrays.get("input", np.zeros_like(truth))
    final = {name: values[-1] for name, values in answers.items()}
    if len(facts["extent"]) == 3:
        height = truth.shape[-1] // 2
        first += f", the plane z = {arrays['axis_z'][height]:.3g}"
        given, truth = given[..., height], truth[..., height]
        final = {name: values[..., height] for name, values in final.items()}
    if len(facts["extent"]) > 1:
        extent = [end for pair in facts["extent"][:2] for end in pair]
        figure = figures.fields_2d(given, truth, final, extent, labels)
        body = f'<img alt="fields" src="{figures.to_source(figure)}">'
        return {"body": body, "caption": f"{first}: predictions on the truth's scale."}
    figure = figures.fields_1d(arrays["axis_x"], given, truth, final, labels)
    return {"body": figures.to_svg(figure), "caption": f"{first}: final time, and its errors."}


def _spectra(arrays: Arrays) -> dict[str, str]:
    k = arrays["spectrum_k"]
    errors = {
        name.removeprefix("spectrum_"): (k, values)
        for name, values in arrays.items()
        if name.startswith("spectrum_") and name not in ("spectrum_k", "spectrum_truth")
    }
    figure = figures.spectrum((k, arrays["spectrum_truth"]), errors)
    return {
        "body": figures.to_svg(figure),
        "caption": "Energy by wave number of the truth and of the errors, mean over instances: "
        "an error at the height of the truth means that nothing is known there.",
    }


def section(facts: Facts, arrays: Arrays) -> dict[str, Any]:
    """What the template shows of one benchmark."""
    rows = break_even_rows(facts)
    names = ", ".join(s["name"] for s in facts["surrogates"])
    with figures.style():
        work = figures.to_svg(figures.work_precision(facts["rows"]))
        images = pictures(facts, arrays)
    commands = [c for s in facts["surrogates"] for c in (s.get("data_command"), s.get("command"))]
    return {
        "id": f"{facts['problem']}-{facts['surrogates'][0]['name']}",
        "title": f"{facts['problem'].capitalize()}: {names}",
        "equation": figures.equation(facts["latex"]),
        "card": list(facts["card"].items()),
        "setting": f"{facts['instances']} instances of seed {facts['seed']}, evaluated on "
        f"{' x '.join(map(str, facts['evaluation_grid']))} points; both sides on "
        f"{facts['threads']} thread{'s' if facts['threads'] > 1 else ''}; "
        f"truth: {facts['reference']}. {facts['machine']}, {facts['date']}.",
        "solver": solver_name(facts),
        "break_even": rows,
        "any_beyond": any(row["beyond"] for row in rows),
        "any_below": any(row["below"] for row in rows),
        "uncertainty": "The truth differs from the same solver at half its resolution by "
        f"{percent(facts['uncertainty'])}.",
        "work_precision": work,
        "pictures": images,
        "rows": all_rows(facts),
        "commands": list(dict.fromkeys(c for c in [*commands, facts["command"]] if c)),
    }


def render(benchmarks: Sequence[tuple[Facts, Arrays]], title: str, command: str) -> str:
    """The page. It refers to nothing outside itself."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("sobolev.scripts", "."), autoescape=True, trim_blocks=True
    )
    facts = benchmarks[-1][0]
    return environment.get_template("report.html.j2").render(
        title=title,
        date=facts["date"],
        machine=facts["machine"],
        software=facts["software"],
        headlines=[headline(f) for f, _ in benchmarks],
        sections=[section(f, a) for f, a in benchmarks],
        command=command,
    )


def main(argv: Sequence[str]) -> int:
    """Write the page and say where it is."""
    parser = Parser("report", __doc__ or "")
    parser.add_argument("benchmarks", nargs="+", help="folders that `sobolev benchmark` wrote")
    parser.add_argument("--output", type=str, default="report", help="folder for index.html")
    parser.add_argument("--title", type=str, default="Sobolev report", help="of the page")
    parser.add_argument(
        "--picture", type=str, default="", help="PNG of the last benchmark's work and precision"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing page")
    given = parser.parse_args(list(argv))
    page = Path(given.output) / "index.html"
    if page.exists() and not given.force:
        raise InputError(f"{page} exists; choose another --output or add --force")
    benchmarks = [load_benchmark(Path(folder)) for folder in given.benchmarks]
    page.parent.mkdir(parents=True, exist_ok=True)
    write_whole(page, render(benchmarks, given.title, command_line("report", argv)))
    if given.picture:
        with figures.style():
            picture = figures.to_png(figures.work_precision(benchmarks[-1][0]["rows"]))
        write_whole(Path(given.picture), picture)
        print(f"picture: {given.picture}")
    print(f"report: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(guarded("sobolev report", main, sys.argv[1:]))
