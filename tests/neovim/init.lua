-- What a user writes, with the server and the model of the test. REDRAFT_CMD: a JSON list.
vim.opt.runtimepath:append(vim.env.REDRAFT_PLUGIN)
vim.o.swapfile = false
vim.o.shadafile = "NONE"
vim.cmd("filetype on")
require("redraft").setup({ cmd = vim.json.decode(vim.env.REDRAFT_CMD), filetypes = "python" })
