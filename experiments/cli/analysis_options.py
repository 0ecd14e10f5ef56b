"""Options of the commands that analyse: analyze, report, compare, formulas, doctor, presets."""

from experiments.cli.parser import Commands
from experiments.cli.training_options import add_as_published


def add_analysis(commands: Commands) -> None:
    """Add these commands."""
    _add_analyze(commands)
    report = commands.add("report", "redraw tables, figures and report of a run folder", "pigmm report runs/quickstart")
    report.add_argument("folder", metavar="DIR", help="a run folder")
    add_as_published(report)
    _add_compare(commands)
    _add_formulas(commands)
    doctor = commands.add(
        "doctor",
        "look at versions, devices, memory, compiler and data sets; exit 0 only if all is well",
        "pigmm doctor --data-dir mnist",
    )
    doctor.add_argument("--data-dir", metavar="DIR", help="a folder of MNIST's IDX files to look at, too")
    doctor.add_argument("--json", action="store_true", help="print what was found as JSON")
    commands.add("presets", "list what can be run by name, with its settings", "pigmm presets")


def _add_analyze(commands: Commands) -> None:
    analyze = commands.add(
        "analyze",
        "the weights of any model, a row for each group of its matrices; or one ensemble of matrices in full",
        "pigmm analyze model.safetensors --out runs/mine",
    )
    add = analyze.add_argument
    add("paths", metavar="PATH", nargs="+", help="files of weights, or folders of them: copies or checkpoints")
    add("--list", action="store_true", help="names, shapes and types of all arrays, and the groups of them, only")
    add("--select", metavar="PATTERN", action="append", help="only arrays of such names, with * for any text")
    add("--group", metavar="PATTERN", action="append", help="the arrays of such names, of one shape, form a group")
    add("--heads", type=int, metavar="H", help="heads of attention in a layer (default: by the config.json beside)")
    add(
        "--orientation",
        choices=("out_in", "in_out"),
        help="matrices are stored outputs x inputs, or the other way round (default: by the format)",
    )
    add(
        "--files",
        choices=("checkpoints", "copies"),
        help="several files are of one training, whose matrices are followed through its steps, or models of their own "
        "(default: checkpoints if their names differ only in numbers, of which one is a step, epoch, ...)",
    )
    add("--key", metavar="NAME", help="analyse one array [members, rows, columns] of a file in full")
    add(
        "--symmetry",
        choices=("auto", "simultaneous", "separate", "symmetric"),
        default="auto",
        help="of one array: permutations under which the law is invariant: of rows and columns together (13 "
        "parameters) or apart (5), or of symmetric matrices (9, or 4 with a zero diagonal); auto goes by shape, and "
        "by M = M^T",
    )
    add(
        "--chain",
        metavar="NAME",
        nargs="*",
        help="the arrays are consecutive layers of networks, [members, outputs, inputs], from the input on: the names "
        "of several in one file, or no names and a file for each",
    )
    add("--json", metavar="FILE", help="write the numbers there")
    add("--out", metavar="DIR", help="write numbers, tables, figures and report.html there")


def _add_compare(commands: Commands) -> None:
    compare = commands.add(
        "compare",
        "finished runs side by side, or two models: distances between them, what differs, tests",
        "pigmm compare runs/paper-gaussian runs/paper-uniform; pigmm compare base.safetensors tuned.safetensors",
    )
    compare.add_argument(
        "folders",
        metavar="PATH",
        nargs="+",
        help="folders of runs or analyses, at least two, or the weights of two models, the base one first; only read",
    )
    compare.add_argument(
        "--symmetry",
        choices=("simultaneous", "separate"),
        help="of runs: compare the square layers (13 parameters; the default), or all weight matrices (5 parameters)",
    )
    compare.add_argument("--out", metavar="DIR", help="where to write (default: runs/ and the names of the runs)")


def _add_formulas(commands: Commands) -> None:
    formulas = commands.add(
        "formulas",
        "expected invariants as exact formulas in the parameters of the model and the size of the matrices",
        "pigmm formulas I14 0-1,1-2,2-0 --latex",
    )
    formulas.add_argument(
        "graphs",
        metavar="GRAPH",
        nargs="*",
        help="I1 to I52, or edges such as 0-0,0-1 for the sum of M_aa M_ab over all a and b; row-column with "
        "--symmetry separate, rows and columns numbered apart (default: the cubic and quartic invariants of a report)",
    )
    formulas.add_argument(
        "--symmetry",
        choices=("simultaneous", "separate", "symmetric", "zero-diagonal"),
        default="simultaneous",
        help="of the model: 13 parameters, or 5, or 9 or 4 of symmetric matrices",
    )
    form = formulas.add_mutually_exclusive_group()
    form.add_argument("--latex", action="store_true", help="print equations in LaTeX")
    form.add_argument("--json", action="store_true", help="print formulas, as SymPy reads them, and LaTeX as JSON")
