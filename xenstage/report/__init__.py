"""What was proved, as one page that a reviewer reads.  Start at :func:`xenstage.report.page.report_page`."""
