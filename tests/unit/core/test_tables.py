"""Tables are written in parts, with numbers as pandas writes them one by one."""

import gzip

import numpy as np
import pandas as pd
from tilt.core import tables
from tilt.core.columns import ANY, table

CONTRACT = table("t.tsv.gz", f"{ANY} names numbers halves counts flags")


def made(n):
    rng = np.random.default_rng(1)
    numbers = 10 ** rng.uniform(-12, 12, n) * rng.choice([-1, 1], n)
    numbers[: min(n, 4)] = [np.nan, np.inf, -0.0, 1e-320][: min(n, 4)]
    return pd.DataFrame(
        {
            "names": [f'a "{i}"\tb' if i % 5 else None for i in range(n)],
            "numbers": numbers,
            "halves": rng.normal(size=n).astype(np.float32),
            "counts": np.arange(n),
            "flags": np.arange(n) % 2 == 0,
        }
    )


def test_parts_are_the_table_as_pandas_writes_it_whole(tmp_path):
    for n in (0, 3, tables.ROWS, 2 * tables.ROWS + 1):
        whole = made(n)
        for form in ("%.6g", "%.12g", None):
            tables.write(whole, tmp_path / "t.tsv.gz", CONTRACT, form)
            expected = whole.to_csv(sep="\t", index=False, na_rep="NA", float_format=form)
            assert gzip.decompress((tmp_path / "t.tsv.gz").read_bytes()).decode() == expected
        assert whole.equals(made(n))  # the caller's table is as it was
