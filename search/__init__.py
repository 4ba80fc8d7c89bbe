"""The search: experiments, studies, samplers, results, reports and the command line."""
