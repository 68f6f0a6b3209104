"""The report: chart specs and estimates become one offline HTML page. Reads stored results only; never torch."""
