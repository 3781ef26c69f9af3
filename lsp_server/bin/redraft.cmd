@rem See redraft. The Python of an environment lies beside this file; any other is known to the entry point.
@setlocal
@set "PYTHONPATH="
@set "PYTHONHOME="
@set start="%~dp0redraft-python.exe"
@if exist "%~dp0python.exe" set start="%~dp0python.exe" -I -m lsp_server
@%start% %*
