@"%~dp0python.exe" -I -m lsp_server %*
