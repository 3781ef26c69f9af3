;;; What a user of lsp-mode writes, then what a user does. Run by test_emacs.py; fails with a message and status 1.
(setq native-comp-enable-subr-trampolines nil native-comp-jit-compilation nil) ; the unpacked Emacs has no compiler beside it
(dolist (folder (directory-files (getenv "REDRAFT_ELPA") t "^[a-z]"))
  (add-to-list 'load-path folder))
(require 'lsp-mode)
(require 'lsp-inline-completion)
(require 'lsp-lens)
(require 'python)
(defvar states nil)
(lsp-register-client
 (make-lsp-client :new-connection (lsp-stdio-connection (lambda () (json-parse-string (getenv "REDRAFT_CMD") :array-type 'list)))
                  :activation-fn (lambda (&rest _) t)
                  :notification-handlers (let ((handlers (make-hash-table :test 'equal)))
                                           (puthash "redraft/status" (lambda (_ status) (push (gethash "state" status) states)) handlers)
                                           handlers)
                  :add-on? t
                  :server-id 'redraft))
(lsp-register-client
 (make-lsp-client :new-connection (lsp-stdio-connection (lambda () (json-parse-string (getenv "REDRAFT_LINTER") :array-type 'list)))
                  :activation-fn (lambda (&rest _) t)
                  :add-on? t
                  :server-id 'linter))

(setq lsp-enabled-clients '(redraft linter) lsp-auto-guess-root t lsp-enable-file-watchers nil lsp-auto-execute-action t
      lsp-enable-snippet nil lsp-session-file (concat (getenv "HOME") "/session"))

(defun check (name ok)
  (message "%s %s" (if ok "ok  " "FAIL") name)
  (unless ok (kill-emacs 1)))

(defun wait (look)
  (with-timeout (60 nil)
    (while (not (funcall look)) (accept-process-output nil 0.05))
    t))

(find-file (getenv "REDRAFT_FILE"))
(lsp-workspace-folders-add default-directory)
(lsp)
(check "ready" (wait (lambda () (member "ready" states))))

(check "diagnostic" (wait (lambda () (gethash (lsp--fix-path-casing buffer-file-name) (lsp-diagnostics)))))
(goto-char (point-min))
(search-forward "len(value")
(let ((action (seq-find (lambda (action) (string-prefix-p "redraft: fix" (gethash "title" action))) (lsp-code-actions-at-point))))
  (check "fix offered" action)
  (lsp-execute-code-action action))
(check "fixed" (wait (lambda () (string-search "len(values)" (buffer-string)))))

(goto-char (point-max))
(insert "def add(")
(lsp-inline-completion-display)
(check "ghost text" (and (lsp-inline-completion--active-p)
                         (string-search "a, b):" (overlay-get lsp-inline-completion--overlay 'after-string))))
(check "not in the buffer" (string-suffix-p "def add(" (buffer-string)))
(lsp-inline-completion-accept)
(check (format "accepted %S" (buffer-string)) (string-suffix-p "def add(a, b):" (buffer-string)))

(insert "\ndef add()") ; as electric-pair-mode closes a bracket
(backward-char)
(lsp-inline-completion-display)
(check "ghost text at a closed bracket" (lsp-inline-completion--active-p))
(lsp-inline-completion-accept)
(check (format "accepted %S" (buffer-string)) (string-suffix-p "\ndef add(a, b):" (buffer-string)))
(save-buffer)
(setq lsp-restart 'ignore)
(dolist (workspace (lsp-workspaces)) ; as lsp-workspace-shutdown does, which then kills the process at once
  (with-lsp-workspace workspace
    (lsp-request "shutdown" nil)
    (lsp-notify "exit" nil)
    (wait (lambda () (not (process-live-p (lsp--workspace-cmd-proc workspace)))))))
